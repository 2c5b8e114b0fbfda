"""What was measured as pages that one shows to others: one file each, with nothing from elsewhere.

`run_page` makes that of a run or an evaluation, of what `Shown` has; `page` is what pages share.
"""
