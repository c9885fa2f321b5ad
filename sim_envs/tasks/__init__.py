"""Tasks: reward, success and scripted expert, one file a skill family."""
