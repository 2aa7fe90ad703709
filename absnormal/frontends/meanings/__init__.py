"""What an operation means, written once in the terms of a `Writer` for the front ends that have it under some name."""
