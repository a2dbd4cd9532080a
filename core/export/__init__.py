"""Room 7, evidence → home: the adapter folder, its model card and audit file, the merged model, the Hub."""
