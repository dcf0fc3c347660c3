"""The user's manual: a page is a Markdown file, and can be read on the forge, by ``3am help`` and on the screen."""
