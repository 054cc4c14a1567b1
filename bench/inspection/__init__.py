"""Why a run would run what it would run: the store compared with what an experiment needs now."""
