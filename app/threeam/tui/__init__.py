"""The full screen: what came back from the file, drawn; what is typed, handed to the writer."""
