"""A daemon that keeps FreshBooks and the Alternative Payments platform in step."""
