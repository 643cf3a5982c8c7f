"""One evaluation for every checkpoint, every converted artifact and every baseline, on any dataset.

`candidates` makes try-ons of samples, `measure` compares them with the truth, `run` goes through a dataset and can go
on after an interruption, `record` is what it leaves, `sheet` and `page` show it to people.
"""
