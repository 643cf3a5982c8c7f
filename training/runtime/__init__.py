"""What a run is made of besides its stage: processes, gradients, optimisers, state and logs."""
