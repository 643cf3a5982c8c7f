"""People in the poses that a dataset lacks: measure the gaps, make people in them, keep those the teacher vouches for.

DM-VTON's paper names such a step (Virtual Try-on-guided Pose for Data Synthesis), and its authors say that it puts the
training set's people into new poses with PIDM. How poses are chosen and results judged is not public: that is ours.
"""
