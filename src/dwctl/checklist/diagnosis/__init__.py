"""Why a run is not claimed, waits or does not answer: facts side by side, and the row that explains them."""
