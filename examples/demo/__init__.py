"""The main job of the backend on a terminal: one project, from a lead in Shanghai to Lishui."""
