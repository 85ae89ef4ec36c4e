"""Published figures, memory and accuracies of networks, and the basis of each."""
