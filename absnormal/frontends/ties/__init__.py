"""What kinks are called, what each tool takes for the slope there, and how that is measured."""
