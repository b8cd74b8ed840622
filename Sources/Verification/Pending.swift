let dataRoutines: [GoldenRoutine] = []
let evaluationRoutines: [GoldenRoutine] = []
