using System.Globalization;
using Vae.Benchmarks.Gpu;
using Vae.Torch;

// gpucheck tests [NAMESPACE]     runs the tests of the binding (or of another namespace); exit code 1 when one fails
// gpucheck step OPTIONS          prints one JSON object: the time of a step of a pack, and its memory beside the prediction
// gpucheck facts                 prints what the machine is
var options = new Dictionary<string, string>(StringComparer.Ordinal);
for (var i = 1; i + 1 < args.Length; i += 2) options[args[i]] = args[i + 1];
switch (args.FirstOrDefault())
{
    case "tests":
        return TestRun.Run(args.ElementAtOrDefault(1) ?? "Vae.Tests.Training.Torch");
    case "step" when options.GetValueOrDefault("--device", "cuda").StartsWith("cuda", StringComparison.Ordinal) && !torch.cuda.is_available():
        Console.Error.WriteLine("This libtorch sees no CUDA device. Run `gpucheck facts` to see what it is, or use --device cpu.");
        return 1;
    case "step":
        StepTimes.Run(new StepTimesOptions(
            options.GetValueOrDefault("--model", "mlp"), Number("--batch", 32), Number("--slots", 1), Number("--steps", 200), Number("--warmup", 30), options.GetValueOrDefault("--device", "cuda")));
        return 0;
    case "facts":
        TorchProcess.Initialize();
        Console.WriteLine(TorchProcess.Facts);
        for (var i = 0; i < torch.cuda.device_count(); i++) Console.WriteLine($"cuda:{i} {torch.cuda.get_device_name(i)}, own kernels {torch.cuda.kernels(i)}");
        return torch.cuda.is_available() ? 0 : 1;
    default:
        Console.Error.WriteLine("usage: gpucheck tests [NAMESPACE] | step [--model mlp|tiny|conv] [--batch N] [--slots K] [--steps N] [--warmup N] [--device cuda|cpu] | facts");
        return 2;
}

int Number(string name, int fallback) => options.TryGetValue(name, out var text) ? int.Parse(text, CultureInfo.InvariantCulture) : fallback;
