"""What the tests share that follow a page of docs/ on a host: its shell, its tools, its images, its observers."""
