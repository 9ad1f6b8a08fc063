"""What Cloud Assistant costs, as ratios: one module per question, each beside a floor or a peer of the same run."""
