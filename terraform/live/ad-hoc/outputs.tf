output "url" {
  value = module.environment.url
}

output "run_task_commands" {
  value = module.environment.run_task_commands
}

output "exec_command" {
  value = module.environment.exec_command
}

output "database_overrides" {
  value = module.environment.database_overrides
}
