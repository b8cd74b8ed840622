print("Filled next.")
