"""Two states of this project, measured in alternation: whether a change is slower than what was there before."""
