"""What Stripe says on the wire and how its objects behave, at one API version."""
