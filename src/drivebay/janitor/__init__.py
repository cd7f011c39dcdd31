"""What is over goes away: trash past its grace, uploads past their deadline, objects nobody knows.

Everything here may be done twice, by anyone, at any time: rows are leased, deletions repeat harmlessly, and
nothing that is not accounted for is ever deleted, only moved out of reach.
"""
