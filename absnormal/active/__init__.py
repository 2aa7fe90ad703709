"""The active switches at a point by themselves: linear forms, the switching system, subproblems, private inputs."""
