"""When and where: definitions, jobs, schedules, sensors and the command line."""
