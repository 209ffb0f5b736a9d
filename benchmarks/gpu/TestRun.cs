using System.Reflection;
using System.Runtime.Versioning;
using Vae.Tests.Training;
using Xunit;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace Vae.Benchmarks.Gpu;

/// <summary>Runs the tests of a namespace of tests/Training in this process, where no test runner is installed.</summary>
internal static class TestRun
{
    public static int Run(string prefix)
    {
        var assembly = typeof(TorchTest).Assembly;
        using var framework = new XunitTestFramework(new NullMessageSink());
        var information = Reflector.Wrap(assembly);
        using var discoverer = framework.GetDiscoverer(information);
        using var found = new Found();
        var discovery = new Settings();
        discoverer.Find(includeSourceInformation: false, found, discovery);
        found.Finished.WaitOne();
        var cases = found.Cases.Where(test => test.TestMethod.TestClass.Class.Name.StartsWith(prefix, StringComparison.Ordinal)).ToList();
        using var executor = framework.GetExecutor(AssemblyName.GetAssemblyName(assembly.Location));
        using var results = new Results();
        executor.RunTests(cases, results, new Settings());
        results.Finished.WaitOne();
        Console.WriteLine($"{results.Passed} passed, {results.Failed} failed, {results.Skipped} skipped ({prefix})");
        return results.Failed == 0 && results.Passed > 0 ? 0 : 1;
    }

    // One test at a time: they change settings of the process.
    private sealed class Settings : LongLivedMarshalByRefObject, ITestFrameworkDiscoveryOptions, ITestFrameworkExecutionOptions
    {
        private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal) { ["xunit.execution.DisableParallelization"] = true, ["xunit.execution.SynchronousMessageReporting"] = true };

        public TValue GetValue<TValue>(string name) => _values.TryGetValue(name, out var value) && value is TValue typed ? typed : default!;

        public void SetValue<TValue>(string name, TValue value) => _values[name] = value;
    }

    private sealed class Found : LongLivedMarshalByRefObject, IMessageSink, IDisposable
    {
        public List<ITestCase> Cases { get; } = [];

        public ManualResetEvent Finished { get; } = new(false);

        public bool OnMessage(IMessageSinkMessage message)
        {
            if (message is ITestCaseDiscoveryMessage discovered) Cases.Add(discovered.TestCase);
            if (message is IDiscoveryCompleteMessage) Finished.Set();
            return true;
        }

        public void Dispose() => Finished.Dispose();
    }

    private sealed class Results : LongLivedMarshalByRefObject, IMessageSink, IDisposable
    {
        public int Passed { get; private set; }

        public int Failed { get; private set; }

        public int Skipped { get; private set; }

        public ManualResetEvent Finished { get; } = new(false);

        public bool OnMessage(IMessageSinkMessage message)
        {
            switch (message)
            {
                case ITestPassed: Passed++; break;
                case ITestSkipped: Skipped++; break;
                case ITestFailed failed: Fail(failed.Test.DisplayName, failed); break;
                case IErrorMessage error: Fail("outside a test", error); break;
                case ITestAssemblyFinished: Finished.Set(); break;
            }

            return true;
        }

        public void Dispose() => Finished.Dispose();

        private void Fail(string where, IFailureInformation failure)
        {
            Failed++;
            Console.WriteLine($"FAILED {where}");
            foreach (var text in failure.Messages) Console.WriteLine("  " + text.ReplaceLineEndings("\n  "));
            foreach (var text in failure.StackTraces) Console.WriteLine("  " + string.Join("\n  ", (text ?? "").Split('\n').Take(6)));
        }
    }
}
