"""A stack of the user's own, played as the sample stack is: `bin/demo --stack PATH --repository PATH`."""
