"""The JAX front end: a jaxpr, followed at the point and lowered into a program."""
