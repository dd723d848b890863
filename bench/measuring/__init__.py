"""What every benchmark needs: servers, the peers and ceilings to compare with, what processes cost, and the report."""
