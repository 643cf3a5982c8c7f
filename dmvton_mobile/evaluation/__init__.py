"""One evaluation for every checkpoint, every converted artifact and every baseline, on any dataset.

`candidates` make try-ons of samples, `measure` compares them with the ground truth, `run` goes through a dataset and
can be resumed, `record`, `rows` and `features` are its files, `sheet` and `page` show it to people.
"""
