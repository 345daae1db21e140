"""Pictures, short videos and questions with exact answers, all drawn from a seed."""
