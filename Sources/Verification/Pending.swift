let dataRoutines: [GoldenRoutine] = []
