"""Messages: lines of a journal as they are sent, and what identifies them."""
