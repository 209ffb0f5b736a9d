using Vae.Cli;

return await CommandRunner.RunAsync(CliRoot.Create(), args);
