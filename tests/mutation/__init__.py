"""Deletes one rule at a time from the deciding code, and sees whether a test notices."""
