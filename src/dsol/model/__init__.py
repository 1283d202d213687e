"""The network, the predictor, and what they are made of."""
