"""The checks of the twelve items, a module of rows each, and beside it what its rows ask."""
