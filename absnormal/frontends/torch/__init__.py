"""The torch front end: a tape of what ran, lowered into the program."""
