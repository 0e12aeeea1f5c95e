"""The development host: runs the functions of an Azure Functions app without the real host."""
