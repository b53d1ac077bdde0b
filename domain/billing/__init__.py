"""What merchants want of subscriptions, and asking the PSP that bills them how they stand."""
