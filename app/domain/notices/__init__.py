"""What operators get to read: texts, messages, and which of them are sent."""
