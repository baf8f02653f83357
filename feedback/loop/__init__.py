"""The verbs of the loop, in its order. Parts and `now` are passed in; only the edges read a clock."""
