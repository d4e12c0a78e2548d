"""rockpool: a strict stand-in for StarRocks, for development, demo and tests."""
