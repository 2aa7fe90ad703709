"""Random programs through every front end, judged by the exact oracle, each certificate checked."""
