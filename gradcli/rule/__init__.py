"""What a row of the table is: kinds of rule, signatures, shapes and dtypes."""
