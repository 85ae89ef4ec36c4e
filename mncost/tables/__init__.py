"""One file a table: from a result to a :class:`mncost.render.table.Table`."""

TABLES = {
    "Changes": "mncost.tables.changes:changes_table",
    "Comparison": "mncost.tables.compare:compare_table",
    "Explanation": "mncost.tables.explain:explain_table",
    "Grid": "mncost.tables.grid:grid_table",
    "ModelChanges": "mncost.tables.model_changes:model_changes",
    "Network": "mncost.tables.layers:layers_table",
    "Pick": "mncost.tables.picks:picks",
    "Predictions": "mncost.tables.predictions:predictions_table",
    "Results": "mncost.tables.run:run_table",
    "Savings": "mncost.tables.savings:savings_table",
    "Search": "mncost.tables.search:search_table",
    "Survey": "mncost.tables.space:space_table",
    "TrainingStep": "mncost.tables.training:training_step",
    "Verdicts": "mncost.tables.verdicts:verdicts",
    "Verification": "mncost.tables.verify:verify_table",
}
"""Which function makes the table of a class; see :mod:`mncost.render.shown`."""
