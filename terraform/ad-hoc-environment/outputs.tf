locals {
  run_task = {
    for name in concat(keys(local.database_tasks), keys(var.tasks)) : name => join(" ", compact([
      "aws ecs run-task --cluster ${aws_ecs_cluster.this.name} --task-definition ${var.name}-${name}",
      "--launch-type FARGATE --network-configuration '${local.network}'",
      name == "database" ? "--overrides \"$(terraform output -json database_overrides | jq -r .create)\"" : "",
    ]))
  }
}

output "database_overrides" {
  description = "What the task `database` runs to create and to drop the environment's database"
  value       = local.database_overrides
}

output "url" {
  value = local.url
}

output "run_task_commands" {
  description = "A command for each one-off task"
  value       = local.run_task
}

output "exec_command" {
  description = "A shell in a running container of the service $SERVICE"
  value       = "aws ecs execute-command --cluster ${aws_ecs_cluster.this.name} --interactive --command /bin/bash --container $SERVICE --task $(aws ecs list-tasks --cluster ${aws_ecs_cluster.this.name} --service-name ${var.name}-$SERVICE --query 'taskArns[0]' --output text)"
}
