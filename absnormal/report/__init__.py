"""What a person, a notebook and a program read of a verdict."""
