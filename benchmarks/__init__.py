"""What nbchat costs, as ratios in one run against its peers and against the limit."""
