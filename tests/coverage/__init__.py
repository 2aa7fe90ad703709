"""Which operations of each framework are followed, and which are refused: tables that tests keep true."""
