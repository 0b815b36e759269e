"""Which samples defeat a static model: metrics, the control set, verdicts, benchmark tables."""
