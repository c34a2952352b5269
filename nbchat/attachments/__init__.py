"""What is put beside a question: pictures, sounds, files, tables and any other object, as content parts of the API."""
