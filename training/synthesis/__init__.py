"""Synthesis of people in the poses that a dataset lacks: measure the gaps, generate people, verify them by a teacher.

DM-VTON's paper names such a step (Virtual Try-on-guided Pose for Data Synthesis), and its authors say that it puts the
people of the training set into new poses with PIDM. How poses are chosen and results verified is not public: that is
ours.
"""
