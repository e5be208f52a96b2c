"""What an answer claims about its picture, and the witnesses for and against."""
