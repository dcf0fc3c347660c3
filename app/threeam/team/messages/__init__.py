"""What is sent: lines of a journal, and what identifies them."""
