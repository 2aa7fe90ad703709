"""Front ends: from a framework's operations to the program's few."""
